"""Turn any chat model into a user simulator, policy, judge, task injector or namer."""

from __future__ import annotations

from collections.abc import Callable

from harness.assembly.config import LoopConfig
from harness.assembly.registry import Registry
from harness.protocols import ChatClient, ChatGateway, ChatModel, PatternNamer, Settings


def open_registry() -> Registry:
    """Every name on offer, those that chat models take on included."""
    return Registry(_Roles())


class _Roles:
    """See ``harness.assembly.registry.ChatRoles``."""

    def gateway(
        self,
        make: Callable[[str], ChatModel],
        config: LoopConfig,
        plugin_of: Callable[[str], str],
    ) -> ChatGateway:
        from harness.llm.gateway import Gateway

        return Gateway(make, config, plugin_of)

    def product(self, kind: str, client: ChatClient, settings: Settings) -> object:
        return _maker(kind)(client, settings)

    def namer(self, client: ChatClient) -> PatternNamer:
        from harness.llm.namer import LLMNamer

        return LLMNamer(client)


def _maker(kind: str) -> Callable[[ChatClient, Settings], object]:
    if kind == "user simulator":
        from harness.llm.user import llm_user

        return llm_user
    if kind == "policy":
        from harness.llm.policy import llm_policy

        return llm_policy
    if kind == "judge":
        from harness.llm.judge_panel import llm_judge

        return llm_judge
    from harness.llm.injector import llm_injector

    return llm_injector
