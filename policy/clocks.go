package policy

import "github.com/detour-net/detour/events"

// Clocks are the times of an incident's life. The defaults are for a production network; a demonstration uses shorter ones.
type Clocks struct {
	SetDeadline  events.Duration `yaml:"set_deadline" json:"set_deadline"`   // from the intent until its Set must be over; nothing is sent later
	Margin       events.Duration `yaml:"margin" json:"margin"`               // waited after that deadline before another replica looks
	Fresh        events.Duration `yaml:"fresh" json:"fresh"`                 // oldest facts that an act may rest on
	ObserveEvery events.Duration `yaml:"observe_every" json:"observe_every"` // between two looks at the routers while verifying
	VerifyWithin events.Duration `yaml:"verify_within" json:"verify_within"` // after the Set's deadline: what has not come true by then is taken back
	LookEvery    events.Duration `yaml:"look_every" json:"look_every"`       // between two looks while waiting, holding or stuck, and the step by which a refused undo backs off
	LookFor      events.Duration `yaml:"look_for" json:"look_for"`           // an unknown outcome is looked up for so long before a person is called
	UndoAttempts int             `yaml:"undo_attempts" json:"undo_attempts"` // refused undos before a person is called
	Hold         events.Duration `yaml:"hold" json:"hold"`                   // a mitigation stands at least so long; doubled with each relapse
	HoldMax      events.Duration `yaml:"hold_max" json:"hold_max"`           // and at most so long
	OnExpiry     Expiry          `yaml:"on_expiry" json:"on_expiry"`         // what happens then
	RenewEvery   events.Duration `yaml:"renew_every" json:"renew_every"`     // between two records of a hold that goes on
	ClearFor     events.Duration `yaml:"clear_for" json:"clear_for"`         // the fault must have been clear for so long before release
	Probation    events.Duration `yaml:"probation" json:"probation"`         // a link back in service is watched; a relapse drains it again
	CoolDown     events.Duration `yaml:"cool_down" json:"cool_down"`         // after an end that was not a repair, the same fault opens nothing new
	Override     events.Duration `yaml:"override" json:"override"`           // the same after a person's no, abort or undrain
}

// Expiry is what happens to a mitigation that has stood for HoldMax with the fault still there.
type Expiry string

// What may happen on expiry.
const (
	ExpiryPage    Expiry = "page"    // it stays and a person is called
	ExpiryRelease Expiry = "release" // it is taken back
)

// CauseLimits say what makes one fault of several alarms: links that share a conduit, a line card or a router fail together.
type CauseLimits struct {
	// Wait is how long a fault of a link that shares a declared risk with others (a shared risk group, a line card, a bundle)
	// waits for them to alarm too before it is decided. It never waits for the links of its routers or sites, which have
	// nothing more in common than every link has with some others. 0 waits for nothing.
	Wait      events.Duration `yaml:"wait" json:"wait"`
	Within    events.Duration `yaml:"within" json:"within"`         // between one alarm of a group and the next
	HitPermil int             `yaml:"hit_permil" json:"hit_permil"` // share of a group's links that alarm, at least
}

// FactLimits say how much must be seen of the network, and how calm it must be, before anything is done.
type FactLimits struct {
	CoveragePermil int `yaml:"coverage_permil" json:"coverage_permil"` // routers with fresh telemetry, in thousandths of all
	OthersDown     int `yaml:"others_down" json:"others_down"`         // links other than the target that may be down
	// Untold says what is done where an end of a link does not tell whom it is adjacent to.
	Untold Treatment `yaml:"untold" json:"untold"`
	// Unproven says what is done on routers whose platform profile is not qualified for the action.
	Unproven Treatment `yaml:"unproven" json:"unproven"`
}

// VerifyLimits say what counts as success and what as damage.
type VerifyLimits struct {
	TrafficPermilOfLine  int   `yaml:"traffic_permil_of_line" json:"traffic_permil_of_line"`   // a direction is empty below this share of line rate
	TrafficPermilOfPrior int   `yaml:"traffic_permil_of_prior" json:"traffic_permil_of_prior"` // or below this share of what it carried before
	ErrorsPerSecond      int64 `yaml:"errors_per_second" json:"errors_per_second"`             // frames received in error at one end, at most
	WorstLinkPermil      int   `yaml:"worst_link_permil" json:"worst_link_permil"`             // load of any other link in thousandths of capacity
	WorseByPermil        int   `yaml:"worse_by_permil" json:"worse_by_permil"`                 // or at most so much above what it was before
}

const defaultKey = "default"

// defaults is a policy that answers nothing. The figures come from the action table and the blast-radius table of
// the safety design; none of them is above the Ceiling.
func defaults() file {
	const second, minute, hour = events.Duration(1e9), events.Duration(60e9), events.Duration(3600e9)
	return file{
		Budgets: Budgets{
			InFlight:       map[string]int{"network": 1, levelKind: 1, "site": 1, "device": 1, "link": 1, "bundle": 1, "site-pair": 1, "plane": 1, "srlg": 1},
			StopAt:         map[string]int{"network": 5, levelKind: 5, "plane": 5, "site": 3, "site-pair": 2, "srlg": 2, partnerKind: 1, "bundle": 2, "device": 2},
			CapacityPermil: map[string]int{"bundle": 250, "plane": 20},
			Rates:          []Rate{{Per: 10 * minute, AtMost: 3}, {Per: hour, AtMost: 10}},
		},
		Approvals:  Approvals{Quorum: 1, Roles: []string{"approver"}, Expiry: 15 * minute},
		MaxAge:     map[string]events.Duration{defaultKey: 5 * minute},
		FutureSkew: 5 * second,
		Clocks: Clocks{
			SetDeadline: 8 * second, Margin: 5 * second, Fresh: 5 * second,
			ObserveEvery: 3 * second, VerifyWithin: 180 * second,
			LookEvery: 5 * second, LookFor: 10 * minute, UndoAttempts: 5,
			Hold: 10 * minute, HoldMax: 24 * hour, OnExpiry: ExpiryPage, RenewEvery: 10 * minute,
			ClearFor: 5 * minute, Probation: 40 * minute, CoolDown: 10 * minute, Override: hour,
		},
		Cause: CauseLimits{Wait: 2 * second, Within: 2 * minute, HitPermil: 800},
		Facts: FactLimits{CoveragePermil: 800, OthersDown: 2, Untold: TreatRefuse, Unproven: TreatRefuse},
		Prospect: ProspectLimits{
			Missing: TreatAsk, MatrixAge: 15 * minute, MatrixAgeApproved: hour, CountersPermil: 900, ConservedPermil: 950, FitPermil: 950,
			WorstPermil: 800, SurvivePermil: 1000, WorseByPermil: 50, NewViolations: 0, Edge: TreatAsk,
			Loops: TreatAsk, SkipStepsLoss: 1e-3, Worth: 10, WhenHeld: HeldWait, WhenUnbearable: UnbearablePage,
		},
		Verify: VerifyLimits{
			TrafficPermilOfLine: 10, TrafficPermilOfPrior: 50, ErrorsPerSecond: 0, WorstLinkPermil: 800, WorseByPermil: 50,
		},
		Breaker: Breaker{FailedVerifications: 2, Within: hour},
	}
}
