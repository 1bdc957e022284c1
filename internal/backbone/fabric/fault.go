package fabric

import (
	"fmt"
	"math"
	"time"
)

// Fault is what ails a link. On and Off make it come and go: it shows for On, then not for Off, and so on; both zero
// means all the time. A Down that comes and goes is a flapping link, a loss that does is bursty.
type Fault struct {
	LossAToB, LossBToA float64 // ratio of packets lost, 0 to 1
	Down               bool    // no light
	On, Off            time.Duration
}

// shortest is the briefest phase of an intermittent fault; briefer ones would make catching up with a clock that has been
// put forward needlessly slow.
const shortest = time.Millisecond

func (x Fault) check() error {
	for _, ratio := range []float64{x.LossAToB, x.LossBToA} {
		if !(ratio >= 0 && ratio <= 1) { // also refuses what is not a number
			return fmt.Errorf("loss ratio %v is not between 0 and 1", ratio)
		}
	}
	if (x.On != 0 || x.Off != 0) && (x.On < shortest || x.Off < shortest) {
		return fmt.Errorf("on %v and off %v must both be at least %v, or both zero", x.On, x.Off, shortest)
	}
	return nil
}

// Break lets link i have a fault from now on, instead of any that it had. The zero Fault heals it.
func (f *Fabric) Break(i int, x Fault, now time.Time) error {
	if err := x.check(); err != nil {
		return err
	}
	s := &f.status[i]
	f.agenda.cancel(s.ticket)
	s.ticket = nil
	f.change(now, func() { s.fault, s.active = x, x != Fault{} })
	if x.On > 0 {
		s.ticket = f.agenda.at(now.Add(x.On), func(at time.Time) { f.toggle(i, at) })
	}
	return nil
}

// toggle begins the next phase of an intermittent fault.
func (f *Fabric) toggle(i int, now time.Time) {
	s := &f.status[i]
	f.change(now, func() { s.active = !s.active })
	phase := s.fault.Off
	if s.active {
		phase = s.fault.On
	}
	s.ticket = f.agenda.at(now.Add(phase), func(at time.Time) { f.toggle(i, at) })
}

// Fault is what ails link i, and whether it shows right now.
func (f *Fabric) Fault(i int) (Fault, bool) { return f.status[i].fault, f.status[i].active }

// ratio is the loss in one direction right now, in parts of ratioUnit.
func (s *status) ratio(direction int) int64 {
	if !s.active {
		return 0
	}
	loss := s.fault.LossAToB
	if direction == 1 {
		loss = s.fault.LossBToA
	}
	return int64(math.Round(loss * ratioUnit))
}
