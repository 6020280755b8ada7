"""The places of the demo: each region's cities, numbers, languages and firms. Nothing here draws or writes anything."""

from deploy.places.br_sp import BR_SP
from deploy.places.eu_de import EU_DE
from deploy.places.shapes import Region
from deploy.places.us_ca import US_CA

REGIONS: dict[str, Region] = {region.name: region for region in (EU_DE, BR_SP, US_CA)}

__all__ = ["REGIONS", "Region"]
