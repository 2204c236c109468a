"""The run folder: the only reader and writer of it. What is complete is marked, so that a resumed
run skips it.

config.json            the resolved settings
tasks/SPLIT.jsonl      the held-out tasks the run evaluates on
checkpoints/ARM/       checkpoint.json and the model folder; rollouts.jsonl, one line per
                       conversation of RL training (see ``harness.training.rollout_log``);
                       tokens.jsonl as below
proofs.jsonl           the teacher's conversations on tasks that were trained on
evals/ARM-SPLIT/       episodes.jsonl, one line per conversation; tasks.jsonl where its tasks are
                       not those of tasks/SPLIT.jsonl; on test tasks also blame.json and
                       mistakes.jsonl: whose fault, what kind of mistake; of an imported one also
                       originals.jsonl, diagnoses.jsonl and about.json: what its file held;
                       with ``keep_tokens`` also tokens.jsonl: what was sampled in each
rounds/N/              diagnoses.jsonl, patterns.jsonl; tasks.jsonl and what else
                       ``harness.injection.station`` writes
vetoes.jsonl           which targeted tasks are kept out of training
data_version.json      the version of the domain's data that the evaluations are on
calls.json             calls to chat models by role: tokens, cost, retries, faults
timings.jsonl          seconds per station, kept apart from what the seeds decide
report.json            what `harness report` renders
exports/, trackers/    files for other tools, and of observers that keep the run in a tracker
plugins/KIND/NAME/     what a plugin's product keeps (`Settings.folder`)

done/STATION.json      the station is complete; what it left, with digests
pending/               what a process that ended was about to change in one step

``store`` knows what a run consists of, ``marks`` what of it each station leaves, ``rows`` and
``sampled`` what a conversation and its tokens are as a line; ``disk`` knows how values become
files, ``together`` how several files change in one step. A folder may come from somebody else: no
name in it and no link leads out of it.
"""

from harness.run_folder.disk import FolderFiles, disk_errors
from harness.run_folder.marks import EPISODES, TOKENS
from harness.run_folder.rows import Outline
from harness.run_folder.store import CONFIG, LOCK, PLUGINS, PROOFS, RunFolder

__all__ = [
    "CONFIG",
    "EPISODES",
    "LOCK",
    "PLUGINS",
    "PROOFS",
    "TOKENS",
    "FolderFiles",
    "Outline",
    "RunFolder",
    "disk_errors",
]
