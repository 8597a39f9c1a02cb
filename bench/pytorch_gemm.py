"""PyTorch's rate of a matrix product [m, k] x [k, n]: rounds of products that take about `--seconds`."""

import torch

from pytorch_side import answer_rounds, parser, prepare, warm


def main() -> None:
    arguments = parser()
    for extent in "mkn":
        arguments.add_argument(f"--{extent}", type=int, required=True)
    given = arguments.parse_args()
    prepare(given.threads, given.tf32)
    device = torch.device(given.device)
    a = torch.rand(given.m, given.k, device=device)
    b = torch.rand(given.k, given.n, device=device)
    product = torch.empty(given.m, given.n, device=device)

    def multiply(count: int) -> None:
        for _ in range(count):
            torch.mm(a, b, out=product)

    answer_rounds({}, multiply, warm(multiply, given.seconds, device), device)


if __name__ == "__main__":
    main()
