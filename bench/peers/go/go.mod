module lull/peers

go 1.19
