"""Chat templates as models bring them: which are taken, and what is told of the others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.errors import ModelError
from harness.protocols import Conversation, Settings
from harness_local.opening import path_policy
from harness_local.policy import LocalPolicy

TURNS = (
    "{% for m in messages %}<|{{ 'agent' if m.role == 'assistant' else m.role }}|>{{ m.content }}"
    "{% for c in m.tool_calls or [] %}<tool_call>{{ {'name': c.function.name, "
    "'arguments': c.function.arguments} | tojson }}</tool_call>{% endfor %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|agent|>{% endif %}"
)
NAMED = "{% for t in tools %}{% set f = t.function %}{{ f.name }}: {{ f.description }} "

NEED_A_SCHEMA = {
    "properties, one by one": "{% for n, p in f.parameters.properties.items() %}{{ n }}: "
    "{{ p.type }}{% endfor %}",
    "what is required": "{{ f.parameters.required | join(', ') }}",
    "the type of the whole": "{{ f.parameters.type | upper }}",
    "the first of them": "{{ (f.parameters.properties | first).strip() }}",
    "a list's items": "{% for p in f.parameters.properties.values() if p.type == 'array' %}"
    "{{ p['items'].type }}{% endfor %}",
}
BREAK = {
    "TypeError": "{{ messages[0].content + 1 }}",
    "ZeroDivisionError": "{{ 1 / 0 }}",
    "UndefinedError": "{{ nothing.at.all }}",
    "ValueError": "{{ '%d' | format('x') if false else messages[0].content.index('zebra') }}",
}
TAKES_TEXT = TURNS.replace(
    "{{ {'name': c.function.name, 'arguments': c.function.arguments} | tojson }}",
    "{{ '{\"name\": \"' + c.function.name + '\", \"arguments\": ' + c.function.arguments + '}' }}",
)


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    copy = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    (copy / "codec.json").unlink()
    return copy


def opened(folder: Path, template: str) -> LocalPolicy:
    (folder / "chat_template.jinja").write_text(template)
    policy = path_policy(Settings(argument=str(folder)))
    assert isinstance(policy, LocalPolicy)
    return policy


@pytest.mark.parametrize("what", NEED_A_SCHEMA)
def test_a_template_may_read_what_every_tools_schema_has(
    folder: Path, talk: Conversation, what: str
) -> None:
    schema = "{{ raise_exception('no schema') if not f.parameters.properties }}"
    policy = opened(folder, f"{NAMED}{schema}{NEED_A_SCHEMA[what]}{{% endfor %}}{TURNS}")
    assert "get_order" in policy.tokenizer.decode(policy.encode(talk).ids)


@pytest.mark.parametrize("kind", BREAK)
def test_whatever_a_template_raises_is_told_as_the_templates(folder: Path, kind: str) -> None:
    with pytest.raises(ModelError, match=f"chat template of .* cannot be rendered: {kind}") as told:
        opened(folder, BREAK[kind])
    assert told.value.hint


def test_what_a_template_raises_in_the_middle_of_a_run_is_the_templates_too(
    folder: Path, talk: Conversation
) -> None:
    policy = opened(folder, f"{NAMED}{{% endfor %}}{TURNS}")
    policy.tokenizer.chat_template = BREAK["TypeError"]
    with pytest.raises(ModelError, match="chat template"):
        policy.encode(talk)


def test_a_template_may_want_arguments_as_text(folder: Path, talk: Conversation) -> None:
    assert "tojson" not in TAKES_TEXT
    policy = opened(folder, f"{NAMED}{{% endfor %}}{TAKES_TEXT}")
    call = '<tool_call>{"name": "get_order", "arguments": {"order_id": "#W2611340"}}</tool_call>'
    assert call in policy.tokenizer.decode(policy.encode(talk).ids)
