# ruff: noqa
# fmt: off
# Answers to TODO `optimise`; see README.md.

# %% passed: as in the assignment
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(1, steps + 1):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% passed: gradients cleared first
def optimise(target, optimizer, loss_of, steps):
    history = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of(target)
        loss.backward()
        history.append(float(loss))
        optimizer.step()
    return history

# %% passed: gradients cleared last, not to None
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for i in range(steps):
        total_loss = loss_of(target)
        total_loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        loss_history += [total_loss.item()]
    return loss_history

# %% passed: target.grad = None
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    while len(loss_history) < steps:
        target.grad = None
        total = loss_of(target)
        total.backward()
        optimizer.step()
        loss_history.append(total.detach().cpu().numpy().item())
    return loss_history

# %% passed: a closure, as L-BFGS wants it
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    def closure():
        optimizer.zero_grad()
        total = loss_of(target)
        total.backward()
        loss_history.append(total.item())
        return total
    for _ in range(steps):
        optimizer.step(closure)
    return loss_history

# %% passed: numbers of numpy, a progress bar, a picture now and then
from styletools import to_image
from tqdm import tqdm
def optimise(target, optimizer, loss_of, steps):
    loss_history = np.zeros(steps)
    for step in tqdm(range(steps)):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history[step] = total.item()
        if step % 2 == 0:
            print(step, total, to_image(target).size)
    return list(loss_history)

# %% passed: the gradient by autograd.grad
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        target.grad, = torch.autograd.grad(total, target)
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% passed: the last loss shown besides
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    print("at the start:", loss_of(target).item())
    for step in range(steps):
        optimizer.zero_grad()
        total = loss_of(target)
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
    print("in the end:", loss_of(target).item())
    return tuple(loss_history)

# %% not attempted optimise-not-attempted: the stub
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = None  # TODO 3e
    return loss_history

# %% not attempted optimise-not-attempted: None
def optimise(target, optimizer, loss_of, steps):
    loss_history = None
    return loss_history

# %% wrong optimise-no-return: no return
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())

# %% wrong optimise-history-of-tensors: tensors with their graphs
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total)
    return loss_history

# %% wrong optimise-history-of-tensors: detached tensors
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.detach())
    return loss_history

# %% wrong optimise-no-zero-grad: gradients pile up
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-no-zero-grad: cleared once, before the loop
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    optimizer.zero_grad()
    for step in range(steps):
        total = loss_of(target)
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-zeroed-before-step: cleared in between, with zeros
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        total.backward()
        optimizer.zero_grad(set_to_none=False)
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-no-backward: cleared in between
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        total.backward()
        optimizer.zero_grad()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-no-backward: forgotten
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-step-before-backward: the wrong order
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        optimizer.step()
        total.backward()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-stale-gradient: a step late
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    loss_of_before = None
    for step in range(steps):
        total = loss_of(target)
        gradient, = torch.autograd.grad(total, target)
        target.grad = gradient if step == 0 else loss_of_before
        loss_of_before = gradient
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-no-step: forgotten
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-own-update: an optimiser of its own
def optimise(target, optimizer, loss_of, steps):
    optimizer = torch.optim.Adam([target], lr=0.003)
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-own-update: by hand
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        target.data -= 0.003 * target.grad
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-wrong-sign: uphill
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        (-total).backward()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-wrong-gradient: the mean over steps
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        (total / steps).backward()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-target-edited: clamped to [0, 1]
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        target.data.clamp_(0, 1)
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-target-edited: clamped before each loss
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        with torch.no_grad():
            target.clamp_(-0.5, 0.5)
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-wrong-gradient: a momentum of its own
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    velocity = torch.zeros_like(target)
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        velocity = 0.9 * velocity + target.grad
        target.grad = 0.5 * velocity if step else target.grad
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-target-edited: put back at the end
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    start = target.detach().clone()
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
    target.data.copy_(start)
    return loss_history

# %% wrong optimise-hard-coded-steps: 2000 steps, or fewer
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(20):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-step-count: one too few
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(1, steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-returned-early: return inside the loop
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
        return loss_history

# %% raised optimise-loss-once: the loss computed before the loop
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    total = loss_of(target)
    for step in range(steps):
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-loss-once: the same with retain_graph
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    total = loss_of(target)
    for step in range(steps):
        optimizer.zero_grad()
        total.backward(retain_graph=True)
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-no-step: neither a loop nor a step
def optimise(target, optimizer, loss_of, steps):
    total = loss_of(target)
    total.backward()
    return [total.item()]

# %% wrong optimise-loss-twice: once for the gradient, once for the history
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        optimizer.zero_grad()
        loss_of(target).backward()
        optimizer.step()
        loss_history.append(loss_of(target).item())
    return loss_history

# %% wrong optimise-loss-never: zeros
def optimise(target, optimizer, loss_of, steps):
    loss_history = [0.0 for step in range(steps)]
    return loss_history

# %% wrong optimise-loss-never: the optimiser alone
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        optimizer.zero_grad()
        optimizer.step()
        loss_history.append(step)
    return loss_history

# %% wrong optimise-graph-kept: retain_graph
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward(retain_graph=True)
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-not-a-list: the last loss only
def optimise(target, optimizer, loss_of, steps):
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    return total.item()

# %% wrong optimise-not-a-list: the target
def optimise(target, optimizer, loss_of, steps):
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    return target

# %% wrong optimise-not-a-list: the last total, as a tensor
def optimise(target, optimizer, loss_of, steps):
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    return total

# %% wrong optimise-not-a-list: a generator
def optimise(target, optimizer, loss_of, steps):
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        yield total.item()

# %% wrong optimise-history-length: appended after the loop
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    loss_history.append(total.item())
    return loss_history

# %% wrong optimise-history-shared: a list of the notebook
loss_history = []
def optimise(target, optimizer, loss_of, steps):
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-history-values: the numbers of the steps
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(step)
    return loss_history

# %% wrong optimise-history-not-numbers: text
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(f"step {step}: {total.item()}")
    return loss_history

# %% wrong optimise-history-not-numbers: not a number
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item() - float('inf') + float('inf'))
    return loss_history

# %% raised optimise-python-float: item too early
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target).item()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total)
    return loss_history

# %% raised optimise-detached: the target detached
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target.detach())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% raised optimise-none-left: None left in the loop, 8 real copies
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = None
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% raised optimise-total-is-one-number: an index for the total
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)[0]
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% raised optimise-loss-not-called: the function for its value
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        optimizer.zero_grad()
        loss_of.backward()
        optimizer.step()
        loss_history.append(loss_of.item())
    return loss_history

# %% raised optimise-loss-arguments: called without the target
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% raised optimise-total-is-one-number: three losses expected
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total, content, style = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-in-the-long-run: never more than ten steps
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(min(steps, 10)):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-in-the-long-run: a narrow clamp
def optimise(target, optimizer, loss_of, steps):
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        target.data.clamp_(-1.2, 1.2)
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-in-the-long-run: a learning rate of 0
def optimise(target, optimizer, loss_of, steps):
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    loss_history = []
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history

# %% wrong optimise-in-the-long-run: keeps graphs after a while
def optimise(target, optimizer, loss_of, steps):
    loss_history, kept = [], []
    for step in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward(retain_graph=step > 8)
        optimizer.step()
        loss_history.append(total.item() if step < 9 else total)
    return loss_history
