"""The stores of these tests; see `support.store_fixtures`."""

from support.store_fixtures import data_bucket, locked_bucket, seaweed, settings, store, stores

__all__ = ["data_bucket", "locked_bucket", "seaweed", "settings", "store", "stores"]
