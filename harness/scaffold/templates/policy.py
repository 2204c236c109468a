"""An agent that looks up whatever it can by the words it was told, and then hands over."""

import re

from harness.protocols import AgentTurn, Conversation, Policy, Settings
from harness.types import Message, ToolCall


class Sample(Policy):
    id = "sample"

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        messages = conversation.messages
        told = " ".join(m.content for m in messages if m.role == "user")
        made = [call.name for m in messages if m.role == "assistant" for call in m.calls]
        for tool in conversation.domain.tools:
            required = tool.parameters.get("required")
            names = required if isinstance(required, list) else []
            value = re.search(r"\S*\d\S*", told)
            if tool.kind == "read" and tool.name not in made and len(names) == 1 and value:
                arguments = {str(names[0]): value[0].strip(".,!?")}
                call = ToolCall(name=tool.name, arguments=arguments, id=f"call_{len(messages)}")
                return AgentTurn(message=Message(role="assistant", calls=(call,)))
        found = [m.content for m in messages if m.role == "tool" and not m.is_error]
        text = f"I found: {found[-1]}" if found else "Could you tell me your details?"
        return AgentTurn(message=Message(role="assistant", content=f"{text} Anything else?"))

    def forget(self, conversation_id: str) -> None:
        """Everything is in the conversation itself."""


def sample(settings: Settings) -> Policy:
    return Sample()
