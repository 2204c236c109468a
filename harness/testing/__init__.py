"""Turn a plugin's product into a verdict: conformance checks and fakes for plugin authors.

Call the check for your kind of product in a test of your own; it raises ``AssertionError`` with a
sentence that says what the contract demands and what was found::

    def test_my_domain_keeps_the_contract() -> None:
        check_domain(MyDomain())
"""

from harness.testing.chat import FakeChatModel
from harness.testing.conformance import (
    check_clusterer,
    check_executor,
    check_judge,
    check_policy,
    check_probe,
    check_reward_term,
    check_task_injector,
    check_user_simulator,
)
from harness.testing.domains import check_domain
from harness.testing.fakes import AgreeableUser, IdlePolicy, play, sample_episodes
from harness.testing.formats import PlainFormat, check_format

__all__ = [
    "AgreeableUser",
    "FakeChatModel",
    "IdlePolicy",
    "PlainFormat",
    "check_clusterer",
    "check_domain",
    "check_executor",
    "check_format",
    "check_judge",
    "check_policy",
    "check_probe",
    "check_reward_term",
    "check_task_injector",
    "check_user_simulator",
    "play",
    "sample_episodes",
]
