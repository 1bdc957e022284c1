package events

// Conservation says how well what comes into routers agrees with what goes out of them: a router makes no traffic and keeps
// none, so where the two differ a counter lies or the router loses what it does not say.
type Conservation struct {
	Routers   int    `json:"routers"`             // at which all that comes in and goes out is counted
	Balanced  int    `json:"balanced"`            // of them: those at which it agrees
	Worst     int    `json:"worst,omitempty"`     // of those at which it does not the largest difference, in thousandths of what passes
	Router    string `json:"router,omitempty"`    // where that is
	In        int64  `json:"in_bps,omitempty"`    // what comes in there, less what is said to be dropped
	Out       int64  `json:"out_bps,omitempty"`   // and goes out
	Unchecked int    `json:"unchecked,omitempty"` // routers at which not all is counted
	Why       string `json:"why,omitempty"`       // of the first of those, with its name
}
