package web

import "net/http"

// Routes are the routes of the API as "METHOD path", as the table has them.
func Routes(s *Server) (list []string) {
	for _, rt := range s.routes {
		if !rt.page && !rt.foreign {
			list = append(list, rt.name())
		}
	}
	return list
}

// Documented returns, by the pattern of each operation, the statuses that the document says it answers with.
func Documented(s *Server) map[string][]int {
	statuses := map[string][]int{"GET /readyz": {http.StatusServiceUnavailable}} // with what is ready and what is not
	for _, rt := range s.routes {
		if !rt.page && !rt.foreign {
			statuses[rt.name()] = append(statuses[rt.name()], append(rt.statuses(), http.StatusOK)...)
		}
	}
	return statuses
}
