package flow

// item is a node at the cost at which it was queued.
type item struct {
	cost uint64
	node int
}

// heap is a binary heap with the cheapest item first. It saves the interface calls of container/heap, which would
// dominate the computation of large networks.
type heap []item

func (h *heap) push(it item) {
	q := append(*h, it)
	i := len(q) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if q[parent].cost <= it.cost {
			break
		}
		q[i] = q[parent]
		i = parent
	}
	q[i] = it
	*h = q
}

func (h *heap) pop() item {
	q := *h
	top, last := q[0], q[len(q)-1]
	q = q[:len(q)-1]
	i := 0
	for {
		child := 2*i + 1
		if child >= len(q) {
			break
		}
		if right := child + 1; right < len(q) && q[right].cost < q[child].cost {
			child = right
		}
		if last.cost <= q[child].cost {
			break
		}
		q[i] = q[child]
		i = child
	}
	if len(q) > 0 {
		q[i] = last
	}
	*h = q
	return top
}
