"""A server on this machine that speaks the Tinker API and really trains: adapters of rank r on the
linear layers of a small model of torch.
"""

from __future__ import annotations

import copy
import io
import json
import tarfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, Literal

import torch
from safetensors.torch import save
from torch import Tensor, nn

ALPHA = 32.0

Body = dict[str, Any]


class Refused(Exception):
    """An answer with a status of its own."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


class Adapter:
    """Low-rank changes of a model's linear layers, and Adam's memory of them."""

    def __init__(self, model: nn.Module, rank: int, seed: int) -> None:
        maker = torch.Generator().manual_seed(seed)
        self.pairs: dict[str, tuple[Tensor, Tensor]] = {}
        for name, layer in model.named_modules():
            if isinstance(layer, nn.Linear) and "lm_head" not in name:
                down = torch.randn(rank, layer.in_features, generator=maker)
                down = down / layer.in_features**0.5
                up = torch.zeros(layer.out_features, rank)
                self.pairs[name] = (down.requires_grad_(), up.requires_grad_())
        self.rank = rank
        self.adam = torch.optim.AdamW(self.weights, lr=0.0, betas=(0.9, 0.95), weight_decay=0.0)
        self.rows = 0

    @property
    def weights(self) -> list[Tensor]:
        return [weight for pair in self.pairs.values() for weight in pair]

    def step(self, asked: Body, *, means: bool) -> float:
        self.adam.param_groups[0].update(lr=asked["learning_rate"], eps=asked["eps"])
        for weight in self.weights:
            if weight.grad is not None and means:
                weight.grad /= max(1, self.rows)
        slopes = [w.grad for w in self.weights if w.grad is not None]
        norm = float(torch.stack([slope.norm() for slope in slopes]).norm()) if slopes else 0.0
        self.adam.step()
        self.adam.zero_grad()
        self.rows = 0
        return norm

    def state(self) -> Body:
        weights = [weight.detach().clone() for weight in self.weights]
        return {"weights": weights, "adam": copy.deepcopy(self.adam.state_dict()), "r": self.rank}

    def load(self, state: Body, *, adam: bool) -> None:
        with torch.no_grad():
            for weight, kept in zip(self.weights, state["weights"], strict=True):
                weight.copy_(kept)
        if adam:
            self.adam.load_state_dict(copy.deepcopy(state["adam"]))

    def archive(self) -> bytes:
        tensors = {}
        for name, (down, up) in self.pairs.items():
            tensors[f"base_model.model.{name}.lora_A.weight"] = down.detach().contiguous()
            tensors[f"base_model.model.{name}.lora_B.weight"] = up.detach().contiguous()
        config = {"peft_type": "LORA", "r": self.rank, "lora_alpha": ALPHA}
        files = {
            "adapter_config.json": json.dumps(config).encode(),
            "adapter_model.safetensors": save(tensors),
        }
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for name, content in files.items():
                about = tarfile.TarInfo(name)
                about.size = len(content)
                tar.addfile(about, io.BytesIO(content))
        return out.getvalue()


class Disk:
    """What outlives a server: states and sampler weights by path."""

    def __init__(self) -> None:
        self.states: dict[str, Body] = {}
        self.samplers: dict[str, Body] = {}


class TinkerServer:
    """Use it in a ``with`` statement. ``asked`` lists (route, body) in order of arrival.

    ``reduction``: what it does to the losses of tokens, see ``harness_tinker.backends``. ``flaws``
    may be set: a function of route and body that may raise ``Refused``; so may ``scripted``, a
    sequence that is sampled always. ``lose()`` forgets sessions
    and models, as a server does that starts again with the disk it had.
    """

    def __init__(
        self,
        model: Any,
        name: str,
        *,
        reduction: Literal["sum", "row_mean"] = "row_mean",
        disk: Disk | None = None,
    ) -> None:
        self.model, self.name, self.reduction = model.eval(), name, reduction
        for weight in model.parameters():
            weight.requires_grad_(False)
        self.disk = disk or Disk()
        self.asked: list[tuple[str, Body]] = []
        self.keys: set[str] = set()
        self.flaws: Callable[[str, Body], None] = lambda route, body: None
        self.scripted: Body | None = None
        self.numbers = count(1)
        self.lock = threading.Lock()
        self.active: Adapter | None = None
        for layer_name, layer in model.named_modules():
            if isinstance(layer, nn.Linear) and "lm_head" not in layer_name:
                layer.register_forward_hook(self._changed(layer_name))
        self.lose()
        handler = type("Handler", (_Handler,), {"server_": self})
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def __enter__(self) -> TinkerServer:
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self.http.server_close()

    def lose(self) -> None:
        self.sessions: set[str] = set()
        self.models: dict[str, Adapter] = {}
        self.samplers: dict[str, Adapter | None] = {}
        self.futures: dict[str, Body] = {}

    def count(self, route: str) -> int:
        return sum(one == route for one, _ in self.asked)

    def answer(self, route: str, body: Body) -> Body:
        with self.lock:
            self.asked.append((route, body))
            self.flaws(route, body)
            return getattr(self, f"do_{route}")(body)

    # Sessions.

    def do_config(self, body: Body) -> Body:
        return {"use_pyqwest_transport": False, "sample_enable_stuck_detection": False}

    def do_create_session(self, body: Body) -> Body:
        name = f"session-{next(self.numbers)}"
        self.sessions.add(name)
        return {"type": "create_session", "session_id": name}

    def do_session_heartbeat(self, body: Body) -> Body:
        return {"type": "session_heartbeat"}

    def do_telemetry(self, body: Body) -> Body:
        raise Refused(500, "telemetry is off")

    def do_get_server_capabilities(self, body: Body) -> Body:
        return {"supported_models": [{"model_name": self.name}]}

    def do_retrieve_future(self, body: Body) -> Body:
        if body["request_id"] not in self.futures:
            raise Refused(404, "no such request")
        return self.futures[body["request_id"]]

    # Models.

    def do_create_model(self, body: Body) -> Body:
        self._known(self.sessions, body["session_id"])
        name = f"model-{next(self.numbers)}"
        lora = body["lora_config"]
        self.models[name] = Adapter(self.model, lora["rank"], lora.get("seed") or 0)
        return {"model_id": name, **self._later({"model_id": name, "type": "create_model"})}

    def do_unload_model(self, body: Body) -> Body:
        self.models.pop(body["model_id"], None)
        return self._later({"model_id": body["model_id"], "type": "unload_model"})

    def do_weights_info(self, body: Body) -> Body:
        state = self._known(self.disk.states, body["tinker_path"])
        return {"base_model": self.name, "is_lora": True, "lora_rank": state["r"]}

    def do_load_weights(self, body: Body) -> Body:
        state = self._known(self.disk.states, body["path"])
        adapter = self._known(self.models, body["model_id"])
        adapter.load(state, adam=body.get("optimizer", True))
        return self._later({"type": "load_weights"})

    def do_save_weights(self, body: Body) -> Body:
        adapter = self._known(self.models, body["model_id"])
        path = f"tinker://{body['model_id']}/weights/{body['path']}"
        self.disk.states[path] = adapter.state()
        return self._later({"path": path, "type": "save_weights"})

    def do_save_weights_for_sampler(self, body: Body) -> Body:
        adapter = self._known(self.models, body["model_id"])
        kept = copy.deepcopy(adapter.state())
        if name := body.get("path"):
            path = f"tinker://{body['model_id']}/{name}"
            self.disk.samplers[path] = {**kept, "archive": adapter.archive()}
            return self._later({"path": path, "type": "save_weights_for_sampler"})
        session = f"sampling-{next(self.numbers)}"
        self.samplers[session] = self._adapter(kept)
        said = {"sampling_session_id": session, "type": "save_weights_for_sampler"}
        return self._later(said)

    # Training.

    def do_forward(self, body: Body) -> Body:
        return self._pass(body, body["forward_input"], learns=False)

    def do_forward_backward(self, body: Body) -> Body:
        return self._pass(body, body["forward_backward_input"], learns=True)

    def do_optim_step(self, body: Body) -> Body:
        adapter = self._known(self.models, body["model_id"])
        norm = adapter.step(body["adam_params"], means=self.reduction == "row_mean")
        return self._later({"metrics": {"skyrl.ai/grad_norm": norm}, "type": "optim_step"})

    def _pass(self, body: Body, asked: Body, *, learns: bool) -> Body:
        adapter = self._known(self.models, body["model_id"])
        outputs = []
        with self._using(adapter):
            for datum in asked["data"]:
                ids = [t for chunk in datum["model_input"]["chunks"] for t in chunk["tokens"]]
                sent = {
                    name: torch.tensor(v["data"]) for name, v in datum["loss_fn_inputs"].items()
                }
                known = self._logprobs(ids, sent["target_tokens"], learns=learns)
                losses = _losses(asked["loss_fn"], asked.get("loss_fn_config") or {}, known, sent)
                if learns:
                    mask = sent.get("weights", torch.ones(len(losses)))
                    by = mask.sum().clamp_min(1e-9) if self.reduction == "row_mean" else 1.0
                    (losses.sum() / by).backward()
                    adapter.rows += 1
                flat = known.detach()
                tensor = {"data": flat.tolist(), "dtype": "float32", "shape": [len(flat)]}
                outputs.append({"logprobs": tensor})
        kind = {"loss_fn_output_type": "scalar", "metrics": {}}
        return self._later({**kind, "loss_fn_outputs": outputs})

    def _logprobs(self, ids: Sequence[int], targets: Tensor, *, learns: bool) -> Tensor:
        with torch.set_grad_enabled(learns):
            logits = self.model(torch.tensor([list(ids)])).logits[0].float()
            return logits.log_softmax(-1).gather(1, targets[:, None])[:, 0]

    # Sampling.

    def do_create_sampling_session(self, body: Body) -> Body:
        self._known(self.sessions, body["session_id"])
        name = f"sampling-{next(self.numbers)}"
        path = body.get("model_path")
        kept = self._known(self.disk.samplers, path) if path else None
        self.samplers[name] = self._adapter(kept) if kept else None
        return {"type": "create_sampling_session", "sampling_session_id": name}

    def do_asample(self, body: Body) -> Body:
        adapter = self._known(self.samplers, body["sampling_session_id"])
        asked = body["sampling_params"]
        ids = [t for chunk in body["prompt"]["chunks"] for t in chunk["tokens"]]
        with self._using(adapter), torch.no_grad():
            said = self.scripted or self._said(ids, asked)
        return self._later({"sequences": [said], "type": "sample"})

    def _said(self, ids: list[int], asked: Body) -> Body:
        dice = torch.Generator().manual_seed(asked["seed"])
        tokens: list[int] = []
        logprobs: list[float] = []
        reason = "length"
        while len(tokens) < asked["max_tokens"] and reason == "length":
            logits = self.model(torch.tensor([[*ids, *tokens]])).logits[0, -1].float()
            warm = logits / (asked["temperature"] or 1.0)
            drawn = torch.multinomial(warm.softmax(-1), 1, generator=dice)
            chosen = int(drawn if asked["temperature"] else logits.argmax())
            tokens.append(chosen)
            logprobs.append(float(warm.log_softmax(-1)[chosen]))
            reason = "stop" if chosen in asked["stop"] else "length"
        return {"tokens": tokens, "logprobs": logprobs, "stop_reason": reason}

    # Shared.

    def archive(self, run: str, name: str) -> bytes:
        return bytes(self._known(self.disk.samplers, f"tinker://{run}/{name}")["archive"])

    def _adapter(self, kept: Body) -> Adapter:
        adapter = Adapter(self.model, kept["r"], 0)
        adapter.load(kept, adam=False)
        return adapter

    def _known(self, found: Any, name: str) -> Any:
        if name not in found:
            raise Refused(404, f"{name} not found")
        return found[name] if isinstance(found, dict) else name

    def _later(self, result: Body) -> Body:
        number = str(next(self.numbers))
        self.futures[number] = result
        return {"request_id": number, "future_id": number, "status": "pending"}

    def _changed(self, name: str) -> Callable[..., Tensor]:
        def hook(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
            if self.active is None:
                return output
            down, up = self.active.pairs[name]
            return output + ALPHA / self.active.rank * (inputs[0] @ down.T) @ up.T

        return hook

    @contextmanager
    def _using(self, adapter: Adapter | None) -> Iterator[None]:
        self.active = adapter
        try:
            yield
        finally:
            self.active = None


def _losses(name: str, config: Body, known: Tensor, sent: dict[str, Tensor]) -> Tensor:
    mask = sent.get("weights", torch.ones(len(known)))
    if name == "cross_entropy":
        return -known * mask
    ratio = (known - sent["logprobs"]).exp()
    advantages = sent["advantages"]
    if name == "importance_sampling":
        return -ratio * advantages * mask
    clipped = ratio.clamp(config["clip_low_threshold"], config["clip_high_threshold"])
    if name == "ppo":
        return -torch.minimum(ratio * advantages, clipped * advantages) * mask
    if name == "cispo":
        return -clipped.detach() * advantages * known * mask
    raise Refused(422, f"no loss is called {name!r}")


class _Handler(BaseHTTPRequestHandler):
    server_: TinkerServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        body = json.loads(self.rfile.read(length) or b"{}")
        self.server_.keys.add(self.headers.get("x-api-key", ""))
        self._answer(lambda: self.server_.answer(self.path.rsplit("/", 1)[1], body))

    def do_GET(self) -> None:
        parts = self.path.strip("/").split("/")
        if parts[-1] == "archive":
            self._answer(lambda: self.server_.archive(parts[3], parts[5]))
        else:
            self._answer(lambda: self.server_.answer(parts[-1], {}))

    def _answer(self, ask: Callable[[], Body | bytes]) -> None:
        try:
            found, status = ask(), 200
        except Refused as error:
            found, status = {"detail": str(error)}, error.status
        content = found if isinstance(found, bytes) else json.dumps(found).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
