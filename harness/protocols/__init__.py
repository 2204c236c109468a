"""What a plugin's product must do: one module per kind, and this index of them.

Each protocol belongs to one hook in ``harness.hookspecs``; a factory in that hook's mapping gets
``Settings`` and returns the product.
"""

from harness.protocols.chat_model import (
    CAUSES,
    UNPARSED,
    Allowance,
    Cause,
    ChatClient,
    ChatGateway,
    ChatModel,
    ChatReply,
    ChatRequest,
    ChatRole,
)
from harness.protocols.clusterer import Clusterer, PatternNamer, SurveyingClusterer
from harness.protocols.domain import Domain, World
from harness.protocols.executor import Executor, has_threads, stays_here
from harness.protocols.inner import Inner
from harness.protocols.judge import AssertionJudge, Judge, ReviewedJudge, SignReader
from harness.protocols.observer import Event, Observer
from harness.protocols.plugin_names import NO_PLUGINS, PluginNames
from harness.protocols.policy import (
    InProcessPolicy,
    Policy,
    ReadablePolicy,
    SamplingPolicy,
    TrainablePolicy,
)
from harness.protocols.probe import Probe
from harness.protocols.products import Products
from harness.protocols.reward_term import RangedTerm, RewardTerm, WeightedTerm
from harness.protocols.rollout import RolloutJob, RolloutLimits, RolloutSetup
from harness.protocols.settings import Progress, Settings
from harness.protocols.task_injector import AttentiveInjector, TaskInjector
from harness.protocols.trainer import RunRollouts, Trainer, TrainingJob
from harness.protocols.trajectory_format import TrajectoryFormat
from harness.protocols.turn_sampler import SampledTurn, TurnSampler
from harness.protocols.turns import AgentTurn, Conversation, TurnTokens, UserTurn
from harness.protocols.user_simulator import UserSimulator

__all__ = [
    "CAUSES",
    "NO_PLUGINS",
    "UNPARSED",
    "AgentTurn",
    "Allowance",
    "AssertionJudge",
    "AttentiveInjector",
    "Cause",
    "ChatClient",
    "ChatGateway",
    "ChatModel",
    "ChatReply",
    "ChatRequest",
    "ChatRole",
    "Clusterer",
    "Conversation",
    "Domain",
    "Event",
    "Executor",
    "InProcessPolicy",
    "Inner",
    "Judge",
    "Observer",
    "PatternNamer",
    "PluginNames",
    "Policy",
    "Probe",
    "Products",
    "Progress",
    "RangedTerm",
    "ReadablePolicy",
    "ReviewedJudge",
    "RewardTerm",
    "RolloutJob",
    "RolloutLimits",
    "RolloutSetup",
    "RunRollouts",
    "SampledTurn",
    "SamplingPolicy",
    "Settings",
    "SignReader",
    "SurveyingClusterer",
    "TaskInjector",
    "TrainablePolicy",
    "Trainer",
    "TrainingJob",
    "TrajectoryFormat",
    "TurnSampler",
    "TurnTokens",
    "UserSimulator",
    "UserTurn",
    "WeightedTerm",
    "World",
    "has_threads",
    "stays_here",
]
