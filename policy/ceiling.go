package policy

import "time"

// The Ceiling: limits compiled into the binary. No policy, approval or flag raises them; they change only with a release.
// Parse refuses a policy that asks for more, and Evaluate holds every plan against them again.
//
// Why there is one: on 2021-10-04 a command that should have measured a backbone took all of it down, because the tool
// that should have stopped it had a defect. The figures are those of the published practice that the safety design
// quotes: a fence around every other check, not a substitute for one.
const (
	// CeilingDrained and CeilingDrainedPermil bound the links out of normal use at once, drained by Detour or by anybody
	// else: the larger of a count and a share of all links.
	CeilingDrained       = 2
	CeilingDrainedPermil = 100

	// CeilingPerDevice bounds the links of one router under mitigation at once.
	CeilingPerDevice = 2

	// CeilingActsPerHour bounds the mitigations begun within any hour.
	CeilingActsPerHour = 60

	// CeilingPlanes bounds the planes that hold mitigations at once. Draining a whole plane is never automatic.
	CeilingPlanes = 1

	// CeilingDevices bounds the routers that one plan sets: the two ends of a link.
	CeilingDevices = 2

	// MinMetric and MaxMetric bound an IS-IS wide metric (RFC 5305, section 3). MaxMetric takes the link out of SPF, and is
	// never set without an approval; LastMetric is the highest that SPF still uses.
	MinMetric  = 1
	LastMetric = 1<<24 - 2
	MaxMetric  = 1<<24 - 1

	// CeilingHold is the longest that any mitigation may stand before a person is called or it is released.
	CeilingHold = 30 * 24 * time.Hour

	// CeilingMemory is how far back rates and the breaker can count: the ledger's fold remembers no more.
	CeilingMemory = 24 * time.Hour

	// FloorCoveragePermil is the least share of routers that must be seen before anything is done.
	FloorCoveragePermil = 500
)

// ceilingDrained is how many of links may be out of normal use at once.
func ceilingDrained(links int) int { return max(CeilingDrained, links*CeilingDrainedPermil/1000) }
