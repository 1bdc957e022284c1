package plan

// apart finds two routers between which no packets go, if there are any. Where a router says that it is overloaded packets end,
// and go no further (ISO 10589, section 7.2.8).
func (l *Lab) apart() (from, to string, found bool) {
	beside := make([][]int, len(l.Routers))
	for _, link := range l.Links {
		a, b := link.A.Router, link.B.Router
		beside[a], beside[b] = append(beside[a], b), append(beside[b], a)
	}
	for start := range l.Routers {
		reached := make([]bool, len(l.Routers))
		reached[start] = true
		for queue := []int{start}; len(queue) > 0; queue = queue[1:] {
			here := queue[0]
			if here != start && l.Routers[here].Overload {
				continue
			}
			for _, next := range beside[here] {
				if !reached[next] {
					reached[next] = true
					queue = append(queue, next)
				}
			}
		}
		for other, is := range reached {
			if !is {
				return l.Routers[start].Name, l.Routers[other].Name, true
			}
		}
	}
	return "", "", false
}
