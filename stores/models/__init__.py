from stores.models.area_weight import AreaWeight
from stores.models.categorising import Categorising
from stores.models.category import Category
from stores.models.category_rule import CategoryRule
from stores.models.group import StoreGroup
from stores.models.keyword import Keyword, Kind
from stores.models.store import MAX_LENGTHS, Store
from stores.models.store_import import StoreImport

__all__ = [
    "MAX_LENGTHS",
    "AreaWeight",
    "Categorising",
    "Category",
    "CategoryRule",
    "Keyword",
    "Kind",
    "Store",
    "StoreGroup",
    "StoreImport",
]
