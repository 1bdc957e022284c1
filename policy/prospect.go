package policy

// Prospect is what was computed beforehand of the network with the plan carried out: the traffic of now on the links that
// would be left, and the same after one more failure. Conditions see it as "verdict". It is plain data, handed in with a
// Question; loads are thousandths of a link's capacity, rates bits per second.
type Prospect struct {
	Known            bool     `yaml:"known" json:"known"`                           // false: nothing was computed, and nothing else here means anything
	BaseWorstPermil  int      `yaml:"base_worst_permil" json:"base_worst_permil"`   // load of the worst link as things stand
	AfterWorstPermil int      `yaml:"after_worst_permil" json:"after_worst_permil"` // load of the worst link after the plan
	AfterWorstLink   string   `yaml:"after_worst_link" json:"after_worst_link"`
	SurvivePermil    int      `yaml:"survive_permil" json:"survive_permil"`   // load of the worst link after the plan and the worst one failure more
	SurviveFailure   string   `yaml:"survive_failure" json:"survive_failure"` // that failure
	SurviveLink      string   `yaml:"survive_link" json:"survive_link"`       // and that link
	NewViolations    int      `yaml:"new_violations" json:"new_violations"`   // failures that the network would survive without the plan and not with it
	CutOffBPS        int64    `yaml:"cut_off_bps" json:"cut_off_bps"`         // traffic that would have no path left after the plan
	CutOff           []string `yaml:"cut_off" json:"cut_off"`                 // routers or demands without a path, as far as they are named
	Steps            int      `yaml:"steps" json:"steps"`                     // metric steps that keep every transition free of loops
	MicroLoops       bool     `yaml:"micro_loops" json:"micro_loops"`         // packets may loop for a moment nevertheless
	BenefitBPS       int64    `yaml:"benefit_bps" json:"benefit_bps"`         // traffic that the plan keeps from harm
	HarmBPS          int64    `yaml:"harm_bps" json:"harm_bps"`               // traffic that the plan is expected to harm
}
