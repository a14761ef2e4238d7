"""Train the encoder or the decoder; a stopped run resumes.

Weights are bfloat16 for the arithmetic and float32 for the steps (AdamW). The learning rate rises, stays,
and falls linearly over the last part of ``--pieces-seen``; a run that has not begun to fall can be given
more pieces.
"""

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from batches import Mixing, Reader
from networks import KINDS, Trainee, Weights, network
from transformers import AutoTokenizer

LOG_EVERY = 100


def rate(step: int, steps: int, peak: float, *, warm: int = 300, fall: float = 0.35) -> float:
    """The learning rate of ``step`` (from 0)."""
    left = (steps - step) / max(1, round(fall * steps))
    return peak * min(1.0, (step + 1) / warm, left)


class Run:
    """A training run: the model, its optimiser, where it is."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.folder: Path = args.work / args.kind
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(args.seed)
        self.tokenizer = AutoTokenizer.from_pretrained(args.work / "tokenizer")
        counts = json.loads((args.work / "classes" / "classes.json").read_text())
        self.weights, self.mixing = Weights(), Mixing()
        model = network(args.kind, len(self.tokenizer))
        model.save_pretrained(self.folder / "untrained")
        # On a CPU the plain form is a fifth faster for rows this short.
        model.set_attn_implementation("sdpa" if self.device.type == "cuda" else "eager")
        self.tokenizer.save_pretrained(self.folder / "untrained")
        self.trainee = Trainee(args.kind, model, counts, self.weights)
        if args.init:
            self.trainee.model.load_state_dict(type(model).from_pretrained(args.init).state_dict())
        else:
            self.trainee.start(torch.from_numpy(np.load(args.work / "tokens" / "start.npy")))
        self.trainee.to(self.device)
        # A tied weight is one parameter; ``parameters`` names it once.
        self.fine = [p.detach().float().clone().requires_grad_() for p in self.trainee.parameters()]
        named = list(zip(self.trainee.named_parameters(), self.fine, strict=True))
        inner = [fine for (name, _), fine in named if ".layers." in name and fine.ndim > 1]
        others = [fine for (name, _), fine in named if not (".layers." in name and fine.ndim > 1)]
        self.optimiser = torch.optim.AdamW(
            [{"params": inner, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
            betas=(0.9, 0.98),
            fused=True,
        )
        self.trainee.bfloat16().train()
        self.reader = Reader(args.work, self.mixing, args.seed)
        self.step = 0
        self.steps = args.pieces_seen // (args.rows * args.length)

    def resume(self) -> None:
        file = self.folder / "checkpoint.pt"
        if not file.exists():
            return
        held = torch.load(file, weights_only=False, map_location=self.device)
        with torch.no_grad():
            for mine, kept in zip(self.fine, held["fine"], strict=True):
                mine.copy_(kept)
        self.optimiser.load_state_dict(held["optimiser"])
        self.reader.generator.bit_generator.state = held["generator"]
        self.step = held["step"]
        self._round()
        print(f"goes on after step {self.step}", flush=True)

    def save(self) -> None:
        file = self.folder / "checkpoint.pt"
        held = {
            "fine": self.fine,
            "optimiser": self.optimiser.state_dict(),
            "generator": self.reader.generator.bit_generator.state,
            "step": self.step,
        }
        torch.save(held, file.with_suffix(".part"))
        file.with_suffix(".part").replace(file)

    def _round(self) -> None:
        with torch.no_grad():
            for rough, fine in zip(self.trainee.parameters(), self.fine, strict=True):
                rough.copy_(fine)

    def train(self) -> None:
        args = self.args
        since, parts = time.time(), {}
        while self.step < self.steps:
            batch = self.reader.batch(args.rows, args.length)
            loss, values = self.trainee(batch, self.reader.generator)
            loss.backward()
            for rough, fine in zip(self.trainee.parameters(), self.fine, strict=True):
                fine.grad = None if rough.grad is None else rough.grad.float()
                rough.grad = None
            torch.nn.utils.clip_grad_norm_(self.fine, 1.0)
            for group in self.optimiser.param_groups:
                group["lr"] = rate(self.step, self.steps, args.rate)
            self.optimiser.step()
            self._round()
            self.step += 1
            for name, value in values.items():
                parts[name] = parts.get(name, 0.0) + value / LOG_EVERY
            if self.step % LOG_EVERY == 0:
                entry = {
                    "step": self.step,
                    "pieces": self.step * args.rows * args.length,
                    "rate": self.optimiser.param_groups[0]["lr"],
                    "pieces_per_second": round(LOG_EVERY * args.rows * args.length / (time.time() - since)),
                } | {name: round(value, 4) for name, value in parts.items()}
                with (self.folder / "log.jsonl").open("a") as log:
                    log.write(json.dumps(entry) + "\n")
                since, parts = time.time(), {}
            if self.step % args.save_every == 0:
                self.save()

    def finish(self) -> None:
        """Write the model alone, in float32, with what it was trained with."""
        self.save()
        with torch.no_grad():
            self.trainee.float()
            self._round()
        self.trainee.model.save_pretrained(self.folder / "trained")
        self.tokenizer.save_pretrained(self.folder / "trained")
        settings = {
            "steps": self.step,
            "rows": self.args.rows,
            "length": self.args.length,
            "rate": self.args.rate,
            "seed": self.args.seed,
            "init": None if self.args.init is None else str(self.args.init),
            "weights": asdict(self.weights),
            "mixing": asdict(self.mixing),
        }
        (self.folder / "settings.json").write_text(json.dumps(settings, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--work", type=Path, default=Path("runs/mini-models"))
    parser.add_argument("--init", type=Path, help="start from this model, with new heads")
    parser.add_argument("--pieces-seen", type=int, default=40_000_000)
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--save-every", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    run = Run(parser.parse_args())
    run.resume()
    run.train()
    run.finish()


if __name__ == "__main__":
    main()
