package web

// FillSessions begins sessions, with tick before each, until there is one more than are kept; it returns how many more.
func FillSessions(s *Server, tick func()) (over int) {
	have := len(s.sessions.live)
	for range maxSessions - have + 1 {
		tick()
		s.sessions.begin("viewer")
	}
	return have + maxSessions - have + 1 - len(s.sessions.live)
}
