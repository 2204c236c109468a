"""Offer OpenAI's models, and those of any server with its Chat Completions API, through its SDK."""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import ChatModel


@hookimpl
def harness_chat_models() -> Mapping[str, Factory[ChatModel]]:
    from harness_openai.model import openai

    return {"openai": openai}
