"""The values that travel through the loop, in travel order: frozen, and without plugins.

A ``Task`` becomes ``Trajectory`` objects; a failed one becomes a ``Diagnosis``; diagnoses become
``ErrorPattern`` objects; patterns become new tasks, which carry their ``Origin``.
"""

from harness.types.failures import (
    Blame,
    Diagnosis,
    Difference,
    ErrorPattern,
    Interval,
    Severity,
    Survey,
)
from harness.types.ids import stable_id, stable_seed
from harness.types.messages import (
    Json,
    Message,
    Opaque,
    Requestor,
    Role,
    Tool,
    ToolCall,
    ToolKind,
    ToolResult,
)
from harness.types.records import Checkpoint, Recording
from harness.types.scenario import Fact, Request, Revision, Scenario
from harness.types.tasks import Feature, Origin, Recipe, Split, Task
from harness.types.trajectories import (
    FAULTS,
    NOT_GRADEABLE,
    Change,
    Changes,
    Ended,
    Episode,
    Grade,
    Score,
    TermScore,
    TokenTrace,
    Trajectory,
    TurnSpan,
    Usage,
    VersionSpan,
)

__all__ = [
    "FAULTS",
    "NOT_GRADEABLE",
    "Blame",
    "Change",
    "Changes",
    "Checkpoint",
    "Diagnosis",
    "Difference",
    "Ended",
    "Episode",
    "ErrorPattern",
    "Fact",
    "Feature",
    "Grade",
    "Interval",
    "Json",
    "Message",
    "Opaque",
    "Origin",
    "Recipe",
    "Recording",
    "Request",
    "Requestor",
    "Revision",
    "Role",
    "Scenario",
    "Score",
    "Severity",
    "Split",
    "Survey",
    "Task",
    "TermScore",
    "TokenTrace",
    "Tool",
    "ToolCall",
    "ToolKind",
    "ToolResult",
    "Trajectory",
    "TurnSpan",
    "Usage",
    "VersionSpan",
    "stable_id",
    "stable_seed",
]
