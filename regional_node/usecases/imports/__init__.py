"""Import of files: read, recognised, drafted, matched, written in one unit of work, told row by row. Nothing leaves the region."""

from regional_node.usecases.imports.journal import ImportJournal, Run, RunState
from regional_node.usecases.imports.report import FileReport, Report, write_refused
from regional_node.usecases.imports.run import ImportStoppedError, Progress, Tools, run_import
from regional_node.usecases.imports.values import Region

__all__ = [
    "FileReport",
    "ImportJournal",
    "ImportStoppedError",
    "Progress",
    "Region",
    "Report",
    "Run",
    "RunState",
    "Tools",
    "run_import",
    "write_refused",
]
