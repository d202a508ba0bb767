"What `MUVAE_TYPECHECK=1` finds, and what it leaves alone"
import pytest, shapes, torch
from jaxtyping import Float, TypeCheckError
from jaxtyping._decorator import jaxtyped
from torch import Tensor

pytest.importorskip('beartype')
checked = shapes.patient(jaxtyped)(typechecker=shapes.typechecker)
Rows = Float[Tensor, 'batch latent']


@checked
def first(x:Rows, scale:float=1., name:str=None) -> Float[Tensor, 'batch']:
    if x.ndim == 1: raise ValueError('`x` should be (batch, latent)')
    return scale*x[:, 0] if name is None else x


def test_what_fits_passes(): assert first(torch.ones(2, 3), scale=2).tolist() == [2, 2]


@pytest.mark.parametrize('args', [(torch.ones(2, 3, 4),), (torch.ones(2, 3, dtype=torch.int64),), (torch.ones(2, 3), torch.ones(2)),
                                  (torch.ones(2, 3), 1., 'returns its rows')])
def test_what_an_annotation_excludes_is_found(args):
    with pytest.raises(TypeCheckError, match='first'): first(*args)


def test_a_refusal_of_the_function_itself_comes_first():
    with pytest.raises(ValueError, match='`x` should be'): first(torch.ones(3))
