"""Dense linear algebra with reported repairs; import its modules where torch is wanted."""
