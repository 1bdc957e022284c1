//go:build race

package incident

// raceEnabled makes exhaustive tests take their smaller sizes: the race detector slows them down tenfold.
const raceEnabled = true
