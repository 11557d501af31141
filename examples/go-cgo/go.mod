module example.test/squeeze

go 1.24
