"""A server on this machine that speaks vLLM's wire and really samples from a small torch model."""

from __future__ import annotations

import copy
import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer

Body = dict[str, Any]

DEV = {
    "/collective_rpc", "/reset_prefix_cache", "/pause", "/resume", "/update_weight_version",
    "/weight_info", "/server_info",
}  # fmt: skip
LORA = {"/v1/load_lora_adapter", "/v1/unload_lora_adapter"}
NCCL = {
    "/init_weight_transfer_engine", "/get_world_size", "/start_weight_update", "/update_weights",
    "/finish_weight_update",
}  # fmt: skip
ALWAYS = {"/v1/completions", "/v1/models", "/tokenize", "/version", "/health"}


class Refused(Exception):
    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


class Gone(Exception):
    """The connection is to be closed without an answer."""


class VllmServer:
    """Use it in a ``with`` statement. ``asked`` lists (path, body) in order of arrival.

    What may be wrong with it: ``mode`` of log-probabilities, ``gives_ids``, ``routes``, and
    ``packs``, which keeps the output layer of a tied model as it was at the start. ``flaws``: a
    function of path and body that may raise. ``holds_at``: so many tokens into each completion it
    waits until it is paused. ``loses`` what is sent to it.
    """

    def __init__(self, folder: Path, *, port: int = 0, **flags: Any) -> None:
        self.folder, self.name = folder, flags.get("name", "policy")
        self.mode: str = flags.get("mode", "processed_logprobs")
        self.gives_ids: bool = flags.get("gives_ids", True)
        self.packs: bool = flags.get("packs", False)
        self.routes: set[str] = flags.get("routes", ALWAYS | DEV | LORA)
        self.tokenizer = AutoTokenizer.from_pretrained(flags.get("tokenizer", folder))
        self.longest = 4000
        self.model: Any = AutoModelForCausalLM.from_pretrained(folder).eval()
        self.is_tied = bool(self.model.config.tie_word_embeddings)
        if self.packs:
            self.model.lm_head.weight = nn.Parameter(self.model.lm_head.weight.detach().clone())
        self.adapted: dict[str, Any] = {}
        self.version = "default"
        self.group: Body | None = None
        self.cable: list[tuple[str, Tensor]] = []
        """What a trainer sent over the group that it is in with this server."""
        self.loses = False
        self.asked: list[tuple[str, Body]] = []
        self.flaws: Callable[[str, Body], None] = lambda path, body: None
        self.holds_at: int | None = None
        self.holding, self.paused = threading.Event(), threading.Event()
        self.lock = threading.Lock()
        self.connections: set[socket.socket] = set()
        handler = type("Handler", (_Handler,), {"server_": self})
        self.http = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def __enter__(self) -> VllmServer:
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.die()

    def die(self) -> None:
        """As after SIGKILL: nobody listens, and open connections are cut."""
        self.http.shutdown()
        self.http.server_close()
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def count(self, path: str) -> int:
        return sum(one == path for one, _ in self.asked)

    def prompts(self) -> list[list[int]]:
        """Of the completions, without those of probes and checks."""
        return [b["prompt"] for p, b in self.asked if p == "/v1/completions" and "cache_salt" in b]

    def answer(self, path: str, body: Body) -> Any:
        self.asked.append((path, body))
        self.flaws(path, body)
        known = path.partition("?")[0]
        if known == "/openapi.json":
            return {"paths": {route: {} for route in self.routes}}
        if known not in self.routes:
            raise Refused(404, "Not Found")
        name = known.strip("/").replace("/", "_").replace("v1_", "")
        return getattr(self, f"do_{name}")(body)

    # What every server has.

    def do_version(self, body: Body) -> Body:
        return {"version": "0.32.0"}

    def do_health(self, body: Body) -> None:
        return None

    def do_models(self, body: Body) -> Body:
        listed = [{"id": self.name, "parent": None, "max_model_len": self.longest}]
        listed += [{"id": name, "parent": self.name} for name in self.adapted]
        return {"data": listed}

    def do_tokenize(self, body: Body) -> Body:
        ids = self.tokenizer.encode(body["prompt"], add_special_tokens=body["add_special_tokens"])
        return {"tokens": list(ids), "count": len(ids)}

    def do_completions(self, body: Body) -> Body:
        if body["model"] not in (self.name, *self.adapted):
            raise Refused(404, f"The model `{body['model']}` does not exist.")
        while self.paused.is_set():  # what comes in a pause is kept for later
            time.sleep(0.01)
        model = self.adapted.get(body["model"], self.model)
        ids = list(body["prompt"])
        if len(ids) + body["max_tokens"] > self.longest:
            raise Refused(400, f"This model's maximum context length is {self.longest} tokens.")
        choice = self._said(model, ids, body)
        if body.get("prompt_logprobs") is not None:
            with torch.no_grad():
                found = model(torch.tensor([ids])).logits[0, :-1].float().log_softmax(-1)
            listed = [{str(t): {"logprob": float(found[n, t])}} for n, t in enumerate(ids[1:])]
            choice["prompt_logprobs"] = [None, *listed]
        if self.gives_ids and body.get("return_token_ids"):
            choice["prompt_token_ids"] = ids
        else:
            del choice["token_ids"]
        return {"choices": [choice]}

    def _said(self, model: Any, ids: list[int], body: Body) -> Body:
        dice = torch.Generator().manual_seed(body.get("seed") or 0)
        temperature = body.get("temperature", 1.0)
        tokens: list[int] = []
        logprobs: list[float] = []
        top: list[dict[str, float]] = []
        reason, cache, fed = "length", None, ids
        while len(tokens) < body["max_tokens"]:
            if body.get("seed") is not None and self.holds_at == len(tokens):
                self.holding.set()
                self.paused.wait(30)
            if self.paused.is_set():
                reason = "abort"
                break
            with self.lock, torch.no_grad():
                made = model(torch.tensor([fed]), past_key_values=cache, use_cache=True)
            cache = made.past_key_values
            logits = made.logits[0, -1].float()
            warm = logits / (temperature or 1.0)
            drawn = torch.multinomial(warm.softmax(-1), 1, generator=dice)
            chosen = int(drawn if temperature else logits.argmax())
            shown = (logits if self.mode == "raw_logprobs" else warm).log_softmax(-1)
            tokens.append(chosen)
            logprobs.append(float(shown[chosen]))
            best = shown.topk(body.get("logprobs") or 1)
            pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
            top.append({f"token_id:{token}": value for token, value in pairs})
            fed = [chosen]
            if chosen in body.get("stop_token_ids", []):
                reason = "stop"
                break
        said: Body = {"finish_reason": reason, "token_ids": tokens, "logprobs": None}
        if body.get("logprobs") is not None:
            said["logprobs"] = {"token_logprobs": logprobs, "top_logprobs": top}
        return said

    # What only some have.

    def do_server_info(self, body: Body) -> Body:
        backend = {"backend": "nccl"} if self.routes >= NCCL else None
        return {"vllm_config": {"weight_transfer_config": backend}}

    def do_get_world_size(self, body: Body) -> Body:
        return {"world_size": 1}

    def do_init_weight_transfer_engine(self, body: Body) -> Body:
        self.group = body["init_info"]
        return {"message": "Weight transfer initialized"}

    def do_start_weight_update(self, body: Body) -> Body:
        if self.group is None:
            raise Refused(500, "no weight transfer engine")
        return {"message": "started"}

    def do_update_weights(self, body: Body) -> Body:
        told = body["update_info"]
        until = time.monotonic() + 30
        while len(self.cable) < len(told["names"]) and time.monotonic() < until:
            time.sleep(0.01)
        sent = [(name, str(tensor.dtype), list(tensor.shape)) for name, tensor in self.cable]
        dtypes = [f"torch.{name}" for name in told["dtype_names"]]
        if sent != [*zip(told["names"], dtypes, told["shapes"], strict=True)]:
            raise Refused(400, "what was sent is not what was told")
        with self.lock:
            self.model.load_state_dict({} if self.loses else dict(self.cable), strict=False)
        self.cable.clear()
        return {"message": "Weights updated"}

    def do_finish_weight_update(self, body: Body) -> Body:
        return {"message": "finished"}

    def do_collective_rpc(self, body: Body) -> Body:
        assert body["method"] == "reload_weights"
        folder = Path(body["kwargs"]["weights_path"])
        with self.lock:
            self._load(folder)
        return {"results": [None]}

    def _load(self, folder: Path) -> None:
        weights: dict[str, Tensor] = {}
        for file in folder.glob("*.safetensors"):
            weights |= load_file(file)
        if not weights:
            raise Refused(500, f"no weights in {folder}")
        head = self.model.lm_head.weight.detach().clone()
        self.model.load_state_dict(weights, strict=False)
        if self.is_tied and self.packs:
            self.model.lm_head.weight = nn.Parameter(head)
        elif self.is_tied:
            self.model.tie_weights()

    def do_reset_prefix_cache(self, body: Body) -> Body:
        return {"success": True}

    def do_pause(self, body: Body) -> Body:
        self.paused.set()
        return {"status": "paused"}

    def do_resume(self, body: Body) -> Body:
        self.holds_at = None
        self.paused.clear()
        return {"status": "resumed"}

    def do_update_weight_version(self, body: Body) -> Body:
        self.version = body["new_version"]
        return {"success": True}

    def do_weight_info(self, body: Body) -> Body:
        return {"weight_version": self.version}

    def do_load_lora_adapter(self, body: Body) -> str:
        if body["lora_name"] in self.adapted:
            raise Refused(400, "already loaded")
        self.adapted[body["lora_name"]] = adapted(self.model, Path(body["lora_path"]))
        return "Success"

    def do_unload_lora_adapter(self, body: Body) -> str:
        del self.adapted[body["lora_name"]]
        return "Success"


def adapted(model: Any, adapter: Path) -> Any:
    """A copy of the model with W + alpha / r B A for each pair of an adapter of PEFT."""
    merged = copy.deepcopy(model)
    alpha = json.loads((adapter / "adapter_config.json").read_text())["lora_alpha"]
    changes = load_file(adapter / "adapter_model.safetensors")
    for name, down in changes.items():
        if ".lora_A." in name:
            up = changes[name.replace(".lora_A.", ".lora_B.")]
            layer = merged.get_submodule(name.removeprefix("base_model.model.").split(".lora_")[0])
            with torch.no_grad():
                layer.weight += alpha / down.shape[0] * up @ down
    return merged


class _Handler(BaseHTTPRequestHandler):
    server_: VllmServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server_.connections.add(self.connection)

    def finish(self) -> None:
        self.server_.connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        self._answer(json.loads(self.rfile.read(length) or b"{}"))

    def do_GET(self) -> None:
        self._answer({})

    def _answer(self, body: Body) -> None:
        try:
            found, status = self.server_.answer(self.path, body), 200
        except Refused as error:
            found, status = {"error": {"message": str(error)}}, error.status
        except Gone:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        content = b"" if found is None else json.dumps(found).encode()
        with suppress(OSError):
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)


def main(arguments: list[str]) -> None:
    """Serve as ``vllm.entrypoints.openai.api_server`` would, until killed."""
    given = dict(zip(arguments[::2], arguments[1::2], strict=False))
    folder = Path(given["--model"])
    assert given["--dtype"] == "float32", "vLLM rounds such a model by itself"
    assert given["--logprobs-mode"] == "processed_logprobs"
    server = VllmServer(folder, port=int(given["--port"]), packs=True)
    server.http.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
