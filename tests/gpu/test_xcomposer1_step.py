"""On a GPU: v1, with its biases and its sampler, says what it says on the CPU in float32."""

from __future__ import annotations

import pytest
import torch
from golden import Given, picture, whole
from golden.xcomposer1 import architecture, tensors

from studio.engine.native.engine import NativeEngine
from studio.engine.native.executor import ModelExecutor
from studio.models.image_preprocessing import opened
from studio.models.model import from_source
from studio.models.tokenizer import bytes_only
from studio.protocol import Generate, ModelCard, Sampling, Text

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")]
GPU, CPU = torch.device("cuda", 0), torch.device("cpu")
A = architecture(1000)
WEIGHTS = {name: (t if "norm" in name.lower() else t * 0.6).bfloat16().float() for name, t in tensors(A).items()}
CARD = ModelCard("tiny v1", "xcomposer1", ("en",), True, A.context, beams=5)


@pytest.mark.parametrize("count", [1, 4, 9])
def test_every_greedy_choice_is_one_of_the_best(count: int) -> None:
    class There(Given):
        def __call__(self, name: str) -> torch.Tensor:
            return super().__call__(name).to(GPU)

    exact = from_source(A, Given(WEIGHTS), CPU)
    made = ModelExecutor(CARD, from_source(A, There(WEIGHTS, torch.bfloat16), GPU), bytes_only(A.vocab), 400, 16)
    made.runner.warm_up()
    engine = NativeEngine({"viewer": made}, 16)
    image = picture("teal")
    for number in range(count):
        prompt = (image, Text("what is it? " + "x" * (9 * number)))
        engine.submit(
            number, Generate("viewer", prompt, Sampling(temperature=0, repetition_penalty=1.0, max_tokens=16))
        )
    requests = [made._requests[number] for number in range(count)]
    while engine.busy:
        engine.step()
    assert exact.tower
    (seen,) = exact.tower.embed([exact.tower.preprocess(opened(image.data))])
    for request in requests:
        prompt_ids = [torch.tensor(run) for run in request.runs if isinstance(run, list)]
        units = request.sequence.units[request.sequence.num_prompt_tokens :]
        ids = torch.tensor([unit for unit in units if isinstance(unit, int)])
        first, last = (exact.decoder.embed(part) for part in prompt_ids)
        x = torch.cat((first, seen, last, exact.decoder.embed(ids[:-1])))
        logits = whole(exact.decoder, x)[-len(ids) :]
        gaps = logits.max(-1).values - logits[torch.arange(len(ids)), ids]
        assert float(gaps.max() / logits.std()) < 0.15
