from stores.models.store import MAX_LENGTHS, Store
from stores.models.store_import import StoreImport

__all__ = ["MAX_LENGTHS", "Store", "StoreImport"]
