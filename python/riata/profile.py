"""What a call cost: counts of work, an estimate of the bytes it moved, and seconds per phase."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """Cost of one call, all its problems together.

    Attributes
    ----------
    n_passes : int
        Passes over X by the solver.
    n_epochs, n_cholesky : int
        Epochs of coordinate descent, and Newton steps on a support (a Cholesky factor each, kept between steps), summed over
        problems and alphas.
    bytes_moved : float
        What these read, in bytes, by the model that `riata_engine.solvers.clock.bytes_moved` states: n_passes times the bytes of
        X, 4 s² for an epoch on a support of s features in Gram space (2 s / p of X in residual descent), 8 s² for a Newton step.
    seconds : dict
        Seconds on the wall per phase.
    """

    n_passes: int
    n_epochs: int
    n_cholesky: int
    bytes_moved: float
    seconds: dict

    def __str__(self):
        phases = ", ".join(f"{name} {value:.3g}" for name, value in self.seconds.items())
        return (f"{self.n_passes} passes over X, {self.n_epochs} epochs, {self.n_cholesky} Newton steps, "
                f"about {self.bytes_moved / 1e6:.3g} MB read; seconds: {phases}")


def profile_of(solution):
    """The `Profile` of an engine's solution."""
    return Profile(int(solution.n_passes), int(solution.n_epochs.sum()), int(solution.n_cholesky.sum()),
                   float(solution.bytes_moved), solution.profile)
