package web

// Routes are the routes of the API as "METHOD path", as the table has them.
func Routes(s *Server) (list []string) {
	for _, rt := range s.routes {
		if !rt.page && !rt.foreign {
			list = append(list, rt.name())
		}
	}
	return list
}
