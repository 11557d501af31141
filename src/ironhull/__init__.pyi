"""What type checkers see of the names that __init__.py loads late."""

from ironhull.build.built import BuiltImage as BuiltImage
from ironhull.compare.model import Comparison as Comparison
from ironhull.errors import IronhullError as IronhullError
from ironhull.inventory.model import Inventory as Inventory
from ironhull.progress import Progress as Progress
from ironhull.scan.model import ScanResult as ScanResult
from ironhull.settings import Settings as Settings
from ironhull.workspace.building import BuildChoices as BuildChoices
from ironhull.workspace.workspace import Workspace as Workspace

__version__: str
