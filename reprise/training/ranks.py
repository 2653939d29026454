"""The processes of one training, as torchrun starts them: who am I, and what did every one compute."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Ranks:
    """This process among `size` processes; alone (0 of 1) when torchrun did not start it."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def gather(self, own: Tensor) -> list[Tensor]:
        """Return every rank's tensor, in rank order; all have the shape of `own`."""
        if self.size == 1:
            return [own]
        parts = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(parts, own.contiguous())
        return parts

    def share_bytes(self, data: bytes | None, device: torch.device) -> bytes | None:
        """Return the first rank's bytes on every rank; None stays None."""
        if self.size == 1:
            return data
        length = torch.tensor([-1 if data is None else len(data)], dtype=torch.int64, device=device)
        dist.broadcast(length, src=0)
        if length.item() < 0:
            return None
        body = torch.empty(int(length.item()), dtype=torch.uint8, device=device)
        if data is not None:
            body.copy_(torch.frombuffer(bytearray(data), dtype=torch.uint8))
        dist.broadcast(body, src=0)
        return body.cpu().numpy().tobytes()

    def wait_for_all(self) -> None:
        """Return when every rank has come here."""
        if self.size > 1:
            dist.barrier()


def join(device: str) -> Ranks:
    """Join the process group that torchrun's environment describes, if there is one."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return Ranks()
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if device == "cuda" else "gloo")
    return Ranks(dist.get_rank(), dist.get_world_size())


def leave(ranks: Ranks) -> None:
    """Leave the process group."""
    if ranks.size > 1:
        dist.destroy_process_group()
