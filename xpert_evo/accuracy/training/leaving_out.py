"""InfoBatch-style pruning: epochs that leave out some of the images with below-average loss."""

import torch


def drawn_rows(losses: torch.Tensor, ratio: float, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws the images of an epoch after pruning, and the weights of their losses.

    A random fraction `ratio` of the images with below-average loss is left out. The remaining ones of these are
    weighted by 1 / (1 - ratio), so that the expected gradient is that of all images (Z. Qin et al., "InfoBatch:
    Lossless Training Speed Up by Unbiased Dynamic Data Pruning", ICLR 2024).

    Args:
        losses: Loss of each image when it was last trained on, (images,), on the CPU; NaN if it never was.
        ratio: Fraction to leave out; 0 for none.
        generator: Random generator; on the CPU.

    Returns:
        Rows of the remaining images in random order, and the loss weights of all images, (images,).
    """
    if not ratio:
        return torch.randperm(len(losses), generator=generator), torch.ones(len(losses))
    easy = losses < losses.nanmean()
    stays = ~easy | (torch.rand(len(losses), generator=generator) >= ratio)
    rows = stays.nonzero().squeeze(1)
    order = torch.randperm(len(rows), generator=generator)
    return rows[order], torch.where(easy, 1 / (1 - ratio), 1.0)
