"""A search for good hyper-parameters with scikit-learn, a combination for each machine.

It needs an image with scikit-learn, which is built once (300 MB to fetch), and Python 3.11 here:

    eval "$(golem local env)"
    gvmkit-build --debian python3,python3-sklearn --volume /golem/work --push --tag me/sklearn -o sklearn.gvmi
    python forest.py
"""

import asyncio
import itertools
import sys

from golemnet import Golem

GRID = {"n_estimators": [20, 50, 100], "max_depth": [3, 6, None], "min_samples_leaf": [1, 5]}
Parameters = dict[str, int | None]


def score(parameters: Parameters) -> float:
    """The mean accuracy of five folds. It runs in a container."""
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import cross_val_score

    images, digits = load_digits(return_X_y=True)
    return float(
        cross_val_score(RandomForestClassifier(random_state=0, **parameters), images, digits, cv=5).mean()
    )


async def main(image: str) -> None:
    combinations = [dict(zip(GRID, values, strict=True)) for values in itertools.product(*GRID.values())]
    best: tuple[float, Parameters] = (0.0, {})
    async with Golem(budget=1.0, image=image, workers=3, run="forest", report="forest.html") as golem:
        found = golem.map(score, combinations)
        async for parameters, accuracy in in_pairs(combinations, found):
            best = max(best, (accuracy, parameters), key=lambda each: each[0])
            print(f"{accuracy:.3f}  {parameters}")
    print("best:", f"{best[0]:.3f}", best[1])


async def in_pairs(combinations, results):
    """Each combination with its result; results come in the order of the items."""
    left = iter(combinations)
    async for result in results:
        yield next(left), result


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "me/sklearn"))
