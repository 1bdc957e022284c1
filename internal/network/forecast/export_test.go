package forecast

// Answers is how many answers a Forecaster has for the network that it has prepared last.
func Answers(f *Forecaster) int {
	if f.ready.in == nil {
		return 0
	}
	return len(f.ready.in.answers)
}
