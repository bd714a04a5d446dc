"""The screens' building blocks: the only package that imports streamlit."""
