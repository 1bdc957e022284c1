package incident

import "github.com/detour-net/detour/events"

// symptom is what one source says about one resource: who says it, of what, and what ails that.
type symptom struct {
	source   string
	resource events.Resource
	kind     events.AnomalyKind
}

func symptomOf(o *events.Observed) symptom {
	return symptom{o.Source, o.Anomaly.Resource, o.Anomaly.Kind}
}

// key is the symptom's name among those of its incident.
func (s symptom) key() string { return s.source + "|" + s.resource.String() + "|" + string(s.kind) }

// maxKeys is how many keys are remembered.
const maxKeys = 256

// symptomKeys makes keys of symptoms, and remembers them: in a storm there are thousands of alarms about a few. The zero
// symptomKeys is ready; it must not be used by two goroutines at once.
type symptomKeys struct {
	known   map[symptom]string
	last    symptom
	lastKey string // of last, "" for none
}

func (k *symptomKeys) of(o *events.Observed) string {
	s := symptomOf(o)
	if k.lastKey != "" && s == k.last {
		return k.lastKey
	}
	key, ok := k.known[s]
	if !ok {
		if k.known == nil || len(k.known) == maxKeys {
			k.known = map[symptom]string{}
		}
		key = s.key()
		k.known[s] = key
	}
	k.last, k.lastKey = s, key
	return key
}
