// Command tiny stands in for the runtime in tests.
package main

func main() { println("tiny") }
