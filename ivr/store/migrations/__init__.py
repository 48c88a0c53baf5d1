"""Alembic's migrations, part of the package: ``ivr.store.upgrade`` runs them."""
