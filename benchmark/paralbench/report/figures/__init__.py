"""The data of each figure, as tidy frames that pages and plots for papers are both drawn from."""
