// Broken is a runtime that can do nothing, its migrations included.
package main

import "os"

func main() { os.Exit(3) }
