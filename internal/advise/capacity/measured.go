// Package capacity says how services are to be scaled over one database: pools, concurrency, instances and batches, out of what
// was measured of them, so that all of them together never need more connections than there are. It does no I/O. Every advice
// carries its arithmetic in words, since a person has to believe it.
package capacity

import "time"

// Measured is what was seen of one service in a window of time. A figure that is nil was not measured; one of 0 was, and there was
// nothing. Times are in milliseconds, and rates by the second.
type Measured struct {
	Window time.Duration

	Rate       *float64 // requests, over the whole window
	PeakRate   *float64 // in its busiest minute
	LatencyMS  *float64 // mean of a request, as Cloud Run's front sees it
	LatencyP95 *float64
	LatencyP99 *float64
	CPUMS      *float64 // time that a request has a processor: all of the service's, also what it does beside requests
	DatabaseMS *float64 // time that a request has a connection: that of its statements, where nothing tells more
	StartMS    *float64 // from the start of an instance until it is ready

	Instances   *float64 // most at once
	Concurrency *float64 // most requests at once of one instance

	Batches *Batches // of a service that takes messages from a subscription, nil for another

	// Missing is why a figure is not there, or is less than it seems, a sentence each. No sentence holds a name that is not of
	// the configuration.
	Missing []string
}

// Batches is how a service fares with the messages of a subscription: a batch of n takes FixedMS + n × EachMS.
type Batches struct {
	Rate     *float64 // messages that arrive
	PeakRate *float64 // in the busiest minute
	FixedMS  *float64
	EachMS   *float64
	Backlog  *float64 // messages that wait, most in the window
}

// Backends is what was seen of the database that the services share.
type Backends struct {
	MaxConnections *int64   // as the server says
	Most           *float64 // connections at once
	Active         *float64 // of those, most that worked at once
	CPU            *float64 // share of its processors in use, 0 to 1, in the busiest minute
	Missing        []string
}
