// Package forecast says what draining a link would do to the network as it stands: how full the links get, what one more
// failure would do then, and what is cut off. It puts together what is configured, what is observed and what traffic there
// is, and lets whatif compute.
//
// Links are drained one or several together: two drains that are each safe alone need not be so at once.
//
// With a traffic matrix the answer is exact: shortest paths of every demand. Without one it is a bound from the measured
// loads of links: no link can gain more than what the drained ones carry, since a shortest path crosses a link once. The
// bound is never too small, and often far too large; what a link that is drained already would carry in service it cannot
// know, and takes to be what it carries now.
//
// Both the links in service and the links drained are computed, with everything else as it is seen, whatever stands now. A
// drain is a soft one (metric 16777214), which leaves a link as the last resort; what has no other way is therefore still
// delivered, over the link that was to be spared, and is what CutOff tells of. Links that somebody has drained before are
// spared in the same way: one drain must not live off another. Hard asks about taking links out of SPF instead (16777215):
// what a failure more then cuts off is part of the answer, with a matrix and without.
//
// A Forecaster keeps the last few networks with what it found out about them, and begins anew when anything that paths
// depend on has changed.
package forecast
