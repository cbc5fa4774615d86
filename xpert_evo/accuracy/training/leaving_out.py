"""Epochs without part of the images that the network knows well already."""

import torch


def drawn_rows(losses: torch.Tensor, ratio: float, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """The images of an epoch that leaves some out, and what each counts for.

    Of the images whose loss is below the average a share `ratio` is left out at random, and those of them that stay
    count for 1 / (1 - ratio), so that the expected gradient is that of all images (Z. Qin et al., "InfoBatch: Lossless
    Training Speed Up by Unbiased Dynamic Data Pruning", ICLR 2024).

    Args:
        losses: Of each image when it was last trained on, (images,), on the CPU; NaN where it never was.
        ratio: 0 leaves out none.
        generator: Draws which; on the CPU.

    Returns:
        Their rows in random order, and what every image counts for, (images,).
    """
    if not ratio:
        return torch.randperm(len(losses), generator=generator), torch.ones(len(losses))
    easy = losses < losses.nanmean()
    stays = ~easy | (torch.rand(len(losses), generator=generator) >= ratio)
    rows = stays.nonzero().squeeze(1)
    order = torch.randperm(len(rows), generator=generator)
    return rows[order], torch.where(easy, 1 / (1 - ratio), 1.0)
