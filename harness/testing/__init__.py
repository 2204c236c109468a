"""Turn a plugin's product into a verdict: conformance checks and fakes for plugin authors.

Call the check for your kind of product in a test of your own. It raises ``ContractBroken``, an
``AssertionError`` with what was demanded and found, where, why it matters and how to mend it::

    def test_my_domain_keeps_the_contract() -> None:
        check_domain(MyDomain())
"""

from harness.testing.checks.chat_models import ScriptedProvider, check_chat_model
from harness.testing.checks.domains import check_domain
from harness.testing.checks.executors import check_executor
from harness.testing.checks.formats import PlainFormat, check_format
from harness.testing.checks.judges import check_clusterer, check_judge
from harness.testing.checks.observers import EVENTS, check_observer
from harness.testing.checks.policies import check_policy, check_probe, check_user_simulator
from harness.testing.checks.reward_terms import check_reward_term
from harness.testing.checks.task_injectors import check_task_injector
from harness.testing.checks.trainers import check_trainer
from harness.testing.fake_chat_model import FakeChatModel
from harness.testing.fakes import AgreeableUser, IdlePolicy, play, sample_episodes
from harness.testing.findings import ContractBroken, Finding

__all__ = [
    "EVENTS",
    "AgreeableUser",
    "ContractBroken",
    "FakeChatModel",
    "Finding",
    "IdlePolicy",
    "PlainFormat",
    "ScriptedProvider",
    "check_chat_model",
    "check_clusterer",
    "check_domain",
    "check_executor",
    "check_format",
    "check_judge",
    "check_observer",
    "check_policy",
    "check_probe",
    "check_reward_term",
    "check_task_injector",
    "check_trainer",
    "check_user_simulator",
    "play",
    "sample_episodes",
]
