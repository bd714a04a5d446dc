"""HTTP routes beside the app: thumbnails, originals, uploads, health; and the job supervisor."""

from dvaudit.server.app import MIDDLEWARE, ROUTES, fonts, lifespan

__all__ = ["MIDDLEWARE", "ROUTES", "fonts", "lifespan"]
