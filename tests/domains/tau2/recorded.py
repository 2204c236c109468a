"""Make results as tau2 writes them, in both data versions, by hand: no package is needed for it."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

NOW = "2026-01-31T01:44:43.065573"
ORDER = '{"order_id": "#W1", "status": "pending"}'
EXTRA = {
    "mode": "half_duplex",
    "ticks": None,
    "agent_usage": None,
    "user_only_review": None,
    "hallucination_retries_used": 0,
    "policy": None,
}
"""What the newer data_version adds to a simulation."""


def results(simulations: list[dict[str, Any]] | None = None, **top: Any) -> dict[str, Any]:
    """A whole file; ``top`` replaces or adds keys at its top level."""
    return {
        "timestamp": NOW,
        "info": {
            "git_commit": "70e700c",
            "num_trials": 2,
            "max_steps": 200,
            "max_errors": 10,
            "user_info": {
                "implementation": "user_simulator",
                "llm": "some-user-model",
                "llm_args": {"temperature": 0.0},
                "global_simulation_guidelines": "Be a customer.",
            },
            "agent_info": {
                "implementation": "llm_agent",
                "llm": "some-agent-model",
                "llm_args": {"temperature": 0.0},
            },
            "environment_info": {
                "domain_name": "retail",
                "policy": "Help the customer.",
                "tool_defs": None,
            },
            "seed": 300,
        },
        "tasks": [task("0", communicate=["15.99"]), task("1", communicate=["15.99"])],
        "simulations": [simulation()] if simulations is None else simulations,
        **top,
    }


def task(id: str, communicate: list[str] | None = None) -> dict[str, Any]:
    """A task that wants one order cancelled."""
    cancel = {"order_id": "#W1", "reason": "no longer needed"}
    return {
        "id": id,
        "description": {"purpose": None, "relevant_policies": None, "notes": None},
        "user_scenario": {
            "persona": None,
            "instructions": {
                "domain": "retail",
                "reason_for_call": "You want to cancel your order #W1.",
                "known_info": "You are Ada Reed in zip code 78700.",
                "unknown_info": None,
                "task_instructions": "Be brief.",
            },
        },
        "ticket": None,
        "initial_state": None,
        "evaluation_criteria": {
            "actions": [
                {
                    "action_id": f"{id}_0",
                    "requestor": "assistant",
                    "name": "cancel_pending_order",
                    "arguments": cancel,
                    "info": None,
                    "compare_args": None,
                }
            ],
            "env_assertions": None,
            "communicate_info": communicate or [],
            "nl_assertions": None,
            "reward_basis": ["DB", "COMMUNICATE"],
        },
    }


def simulation(id: str = "sim-0", task_id: str = "0", **changes: Any) -> dict[str, Any]:
    """A short conversation that fulfils its task; ``changes`` replace or add keys."""
    return {
        "id": id,
        "task_id": task_id,
        "timestamp": NOW,
        "start_time": NOW,
        "end_time": NOW,
        "duration": 12.5,
        "termination_reason": "user_stop",
        "agent_cost": 0.25,
        "user_cost": 0.125,
        "reward_info": reward(1.0),
        "messages": messages(),
        "trial": 0,
        "seed": 7,
        **changes,
    }


def reward(value: float, **changes: Any) -> dict[str, Any]:
    return {
        "reward": value,
        "db_check": {"db_match": value == 1.0, "db_reward": value},
        "env_assertions": None,
        "action_checks": None,
        "nl_assertions": None,
        "communicate_checks": [{"info": "15.99", "met": value == 1.0, "justification": "..."}],
        "reward_basis": ["DB", "COMMUNICATE"],
        "reward_breakdown": {"DB": value, "COMMUNICATE": value},
        "info": {"env": None, "nl": None},
        **changes,
    }


def messages() -> list[dict[str, Any]]:
    cancel = {"order_id": "#W1", "reason": "no longer needed"}
    turns = [
        said("assistant", "Hi! How can I help you today?", usage=None),
        said("user", "Cancel my order #W1."),
        called("call_1", "get_order_details", {"order_id": "#W1"}),
        answered("call_1", ORDER),
        called("call_2", "get_user_details", {"user_id": "nobody"}),
        answered("call_2", "Error: User not found", error=True),
        called("call_3", "cancel_pending_order", cancel),
        answered("call_3", ORDER.replace("pending", "cancelled")),
        said("assistant", "Done: $15.99 come back to you."),
        said("user", "Thanks! ###STOP###"),
    ]
    return [{**turn, "turn_idx": index} for index, turn in enumerate(turns)]


def said(role: str, content: str | None, **changes: Any) -> dict[str, Any]:
    return {
        "role": role,
        "content": content,
        "tool_calls": None,
        "turn_idx": None,
        "timestamp": NOW,
        "cost": 0.01,
        "usage": {"completion_tokens": 3, "prompt_tokens": 10},
        "raw_data": None,
        **changes,
    }


def called(id: str, name: str, arguments: Any, requestor: str = "assistant") -> dict[str, Any]:
    call = {"id": id, "name": name, "arguments": arguments, "requestor": requestor}
    return said(requestor, None, tool_calls=[call])


def answered(
    id: str, content: str, *, error: bool = False, requestor: str = "assistant"
) -> dict[str, Any]:
    return {
        "id": id,
        "role": "tool",
        "content": content,
        "requestor": requestor,
        "error": error,
        "turn_idx": None,
        "timestamp": NOW,
    }


def review(*errors: dict[str, Any]) -> dict[str, Any]:
    return {
        "summary": "The agent was hasty.",
        "agent_error": any(error["source"] == "agent" for error in errors),
        "user_error": any(error["source"] == "user" for error in errors),
        "critical_user_error": False,
        "has_errors": bool(errors),
        "errors": list(errors),
        "cost": 0.5,
    }


def blamed(source: str, tag: str, severity: str | None, turn: int | None) -> dict[str, Any]:
    return {
        "source": source,
        "error_type": "content_error",
        "error_tags": [tag] if tag else [],
        "severity": severity,
        "turn_idx": turn,
        "reasoning": f"{tag} by the {source}",
        "correct_behavior": "Something else.",
    }


def newer(raw: dict[str, Any]) -> dict[str, Any]:
    """The same results as the newer data_version writes them."""
    made = deepcopy(raw)
    made["info"] |= {"text_streaming_config": None, "retrieval_config": None}
    made["info"]["user_info"] |= {"voice_settings": None, "persona_config": None}
    made["simulation_index"] = None
    for task in made["tasks"]:
        task |= {"issues": [], "required_documents": None, "user_tools": None}
    for each in made["simulations"]:
        each |= {"review": None, "info": None} | {**EXTRA, **each}
    return made


def as_folder(raw: dict[str, Any], folder: Path) -> Path:
    """Write the results as a folder, with the index."""
    (folder / "simulations").mkdir(parents=True)
    index = [
        {
            "id": each["id"],
            "task_id": each["task_id"],
            "trial": each["trial"],
            "reward": each["reward_info"]["reward"],
            "termination_reason": each["termination_reason"],
            "agent_cost": each["agent_cost"],
            "duration": each["duration"],
        }
        for each in raw["simulations"]
    ]
    for each in raw["simulations"]:
        (folder / "simulations" / f"{each['id']}.json").write_text(json.dumps(each, indent=2))
    rest = {key: value for key, value in raw.items() if key != "simulations"}
    (folder / "results.json").write_text(json.dumps({**rest, "simulation_index": index}))
    return folder


def as_file(raw: Any, path: Path) -> Path:
    path.write_text(json.dumps(raw, indent=2))
    return path
