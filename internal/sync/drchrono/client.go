// Package drchrono is a client of the DrChrono API: tokens, paging, the asynchronous bulk lists, and
// a call budget shared by every process of an application.
package drchrono

// Client reads one practice's data through one API application.
type Client struct{}
